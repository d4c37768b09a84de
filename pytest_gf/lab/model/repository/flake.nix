{
  description = "The model's flake; FlakeHub publishes it.";
  nixConfig = {
    extra-substituters = [ "https://nix-cache.tinyland.dev/main" ];
  };
  outputs = { self }: { };
}
