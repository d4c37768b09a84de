# Where the state of the stack runner-dashboard lies; the endpoint comes from TOFU_BACKEND_S3_*.
terraform {
  backend "s3" {
    bucket       = "tofu-state"
    key          = "tinyland-infra/runner-dashboard/terraform.tfstate"
    use_lockfile = true
  }
}
