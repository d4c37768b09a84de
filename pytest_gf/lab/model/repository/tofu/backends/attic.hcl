bucket = "tofu-state"
key    = "attic/terraform.tfstate"
