# Where the state of the stack attic lies; the endpoint comes from TOFU_BACKEND_S3_*.
terraform {
  backend "s3" {
    bucket       = "tofu-state"
    key          = "attic/terraform.tfstate"
    use_lockfile = true
  }
}
