# Where the state of the stack arc-runners lies; the endpoint comes from TOFU_BACKEND_S3_*.
terraform {
  backend "s3" {
    bucket       = "tofu-state"
    key          = "arc-runners/terraform.tfstate"
    use_lockfile = true
  }
}
