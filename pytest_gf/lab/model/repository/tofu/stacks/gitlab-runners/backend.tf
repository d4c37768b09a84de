# Where the state of the stack gitlab-runners lies; the endpoint comes from TOFU_BACKEND_S3_*.
terraform {
  backend "s3" {
    bucket       = "tofu-state"
    key          = "tinyland-infra/gitlab-runners/terraform.tfstate"
    use_lockfile = true
  }
}
