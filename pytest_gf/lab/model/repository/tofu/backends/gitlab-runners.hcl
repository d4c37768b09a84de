bucket = "tofu-state"
key    = "tinyland-infra/gitlab-runners/terraform.tfstate"
