bucket = "tofu-state"
key    = "arc-runners/terraform.tfstate"

region                      = "us-east-1"
endpoints                   = { s3 = "http://attic-rustfs-openebs.nix-cache.svc.cluster.local:9000" }
use_path_style              = true
skip_credentials_validation = true
skip_requesting_account_id  = true
