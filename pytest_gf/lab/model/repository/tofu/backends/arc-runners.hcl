bucket = "tofu-state"
key    = "arc-runners/terraform.tfstate"
