bucket = "tofu-state"
key    = "tinyland-infra/runner-dashboard/terraform.tfstate"
