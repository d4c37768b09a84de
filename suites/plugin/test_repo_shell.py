"""What a step can write to Attic: one-liners that push, that may push, and that don't; small checkouts with their verdicts and lines."""

from __future__ import annotations

import pytest

from pytest_gf.honey.formats.templates import GITHUB, rendered
from pytest_gf.honey.observed.repository.effect import Opaque, Writes
from pytest_gf.honey.observed.repository.effects import Around, effects
from pytest_gf.honey.observed.repository.following import Reader
from pytest_gf.honey.observed.repository.steps import is_shell

CACHES = ("nix-cache.tinyland.dev", "attic.nix-cache.svc.cluster.local")
PUSHES = """
attic push main result
attic push main result && echo done
nix build && attic push main result
nix build || attic push main result
nix build; attic push main result
attic watch-store main &
attic --verbose push main result
/nix/var/nix/profiles/default/bin/attic push main result
./result/bin/attic push main result
"attic" push main result
at""tic push main result
attic 'push' main result
attic push main $(nix path-info .#x)
echo "# no comment"; attic push main result
echo 'it''s'; attic push main result
(attic push main result)
{ attic push main result; }
! attic push main result
time attic push main result
exec attic push main result
command attic push main result
env attic push main result
env -u HOME FOO=bar attic push main result
FOO=bar attic push main result
sudo attic push main result
sudo -u ci -E FOO=bar attic push main result
nice attic push main result
nice -n 10 attic push main result
ionice -c 3 attic push main result
timeout 10m attic push main result
timeout --foreground -k 5 10m attic push main result
retry 3 attic push main result
retry -t 3 -- attic push main result
nohup attic push main result
setsid attic push main result
stdbuf -oL attic push main result
chronic attic push main result
flock /tmp/lock attic push main result
flock /tmp/lock -c "attic push main result"
systemd-run --user --unit x attic push main result
script -c "attic push main result" /dev/null
xargs attic push main < paths
xargs -n 1 -P 4 attic push main < paths
xargs -I{} sh -c "attic push main {}" < paths
nix path-info .#x | xargs -r attic push main
cat paths | parallel attic push main
parallel "attic push main {}" ::: a b
find . -name 'result*' -exec attic push main {} \\;
find . -name 'result*' -exec sh -c 'attic push main "$1"' _ {} +
fd result -x attic push main
bash -c "attic push main result"
bash -euo pipefail -c "attic push main result"
sh -xc 'attic push main result'
bash <<< "attic push main result"
echo "attic push main result" | bash
printf 'attic push main result\\n' | sh
eval "attic push main result"
eval attic push main result
trap "attic push main result" EXIT
su - ci -c "attic push main result"
nix run nixpkgs#attic-client -- push main result
nix run github:zhaofengli/attic -- push main result
nix run --inputs-from . nixpkgs#attic-client push main result
nix shell nixpkgs#attic-client -c attic push main result
nix shell nixpkgs#attic-client --command sh -c "attic push main result"
nix develop -c attic push main result
nix develop .#ci --command bash -c "attic push main result"
nix develop --option sandbox false -c attic push main result
nix-shell -p attic-client --run "attic push main result"
nix-shell --command 'attic push main result' shell.nix
devenv shell -- attic push main result
docker run --rm -v /nix:/nix nixos/nix attic push main result
docker run --entrypoint attic nixos/nix push main result
docker exec -e A=b box attic push main result
podman run nixos/nix sh -c "attic push main result"
kubectl exec -n x pod -- attic push main result
ssh -p 22 host attic push main result
ssh host "cd x && attic push main result"
tmux new -d "attic watch-store main"
screen -dmS w attic watch-store main
docker run -itw /x nixos/nix attic push main result
sudo -nu ci attic push main result
tmux new-session -d -s w attic watch-store main
${{ github.workspace }}/bin/attic push main result
$(nix build --print-out-paths .#attic)/bin/attic push main result
ATTIC=attic; $ATTIC push main result
CMD="attic push"; $CMD main result
cmd=(attic push main); "${cmd[@]}" result
f() { attic push main result; }; f
retry_it() { "$@"; }; retry_it attic push main result
if nix build; then attic push main result; fi
for p in result*; do attic push main "$p"; done
while read -r p; do attic push main "$p"; done < paths
x=$(attic push main result)
echo "pushed: $(attic push main result)"
diff <(attic push main result) /dev/null
nix copy --to https://nix-cache.tinyland.dev/main ./result
nix copy ./result --to=http://attic.nix-cache.svc.cluster.local/main
attic cache create scratch
printf '%s\\n' "$paths" | attic push --stdin main
"""
MAYBE = """
"$ATTIC" push main result
$ATTIC_BIN push main result
$ATTIC watch-store main
attic "$VERB" main result
attic $ARGS
myretry attic push main result
some-tool --run "attic push main result"
alias p="attic push main"
python3 -c 'import os; os.system("attic push main x")'
docker run ghcr.io/zhaofengli/attic push main result
nix copy --to "$DESTINATION" ./result
nix copy --to https://nix-cache.$DOMAIN/main ./result
[ "$GITHUB_REF" = refs/heads/main ] && attic push main result
test -n "$X" && attic push main result
if [[ $X == y ]]; then attic push main result; fi
[ "$X" = y ] || exit 0; attic push main result
case $X in y) attic push main result;; esac
if [ x; then attic push main result
for x in; attic push main result
git diff | grep -q x && attic push main result
bash -c "$PREFIX attic push main result"
"""
NEVER = """
echo attic push main result
echo "then: attic push main result"
printf 'attic push main result\\n'
# attic push main result
nix build # attic push main result
true '; attic push main result'
git commit -m "attic push main result"
grep -r "attic push" .
sudo echo attic push main result
echo "attic push" >> "$GITHUB_STEP_SUMMARY"
sed -i 's/attic push/true/' x.sh
command -v attic
which attic
attic login ci https://nix-cache.tinyland.dev
attic use main
attic cache info main
attic --version
f() { attic push main result; }
exit 0; attic push main result
nix copy --to file:///tmp/cache ./result
nix copy --to ssh://host ./result
nix copy --to s3://elsewhere ./result
nix copy --to https://cache.example.com ./result
nix copy --from https://nix-cache.tinyland.dev/main /nix/store/x
nix build .#attic
nix develop -c echo attic push main result
docker push image
find . -name x -exec echo attic push {} \\;
gh pr comment -b "run attic push main result"
: "attic push main result"
"""


def of(lines: str) -> list[str]:
    return [line.replace("\\\\", "\\") for line in lines.strip().splitlines()]


def written(text: str) -> list[Writes]:
    acts = effects(rendered(text, (GITHUB,)), Around(CACHES))
    return [act for act in acts if isinstance(act, Writes)]


def test_there_are_many_of_each() -> None:
    assert len({*of(PUSHES), *of(MAYBE), *of(NEVER)}) >= 120


@pytest.mark.parametrize("line", of(PUSHES))
def test_a_push_is_seen_and_nothing_stands_before_it(line: str) -> None:
    writes = written(f"set -e\n{line}\n")
    assert writes
    assert [(write.offset, write.unknown, write.guard) for write in writes if not write.unknown][:1] == [(1, "", "")]


@pytest.mark.parametrize("line", of(MAYBE))
def test_what_nobody_can_know_is_undecided(line: str) -> None:
    writes = written(f"set -e\n{line}\n")
    assert writes
    assert all(write.unknown or write.guard for write in writes)
    assert writes[0].offset == 1


@pytest.mark.parametrize("line", of(NEVER))
def test_what_is_only_said_is_no_push(line: str) -> None:
    assert not written(f"set -e\n{line}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat <<'E'\nattic push main\nE\n", []),
        ("bash <<'E'\nset -e\nattic push main\nE\n", [2]),
        ("cat <<E | bash -s\nattic push main\nE\n", [1]),
        ("cat <<E\n$(attic push main)\nE\n", [1]),
        ("timeout 3 \\\n  attic push main\n", [0]),
        ("cat > hook.sh <<'E'\nattic push main $OUT_PATHS\nE\nbash hook.sh\n", [1]),
        ("cat > hook.sh <<'E'\nattic push main $OUT_PATHS\nE\n", []),
        ("echo 'attic push main' > p.sh\nchmod +x p.sh\n./p.sh\n", [0]),
        ("bash -c '\n  set -e\n  attic push main\n'\n", [2]),
    ],
)
def test_lines_are_those_of_the_file(text: str, expected: list[int]) -> None:
    assert [write.offset for write in written(text)] == expected


FILES = {
    "ci/push.sh": "#!/bin/sh\n. ./ci/lib.sh\ndo_push main\n",
    "ci/lib.sh": "do_push() {\n  attic push $1\n}\n",
    "ci/push.py": "#!/usr/bin/env python3\nrun(['attic', 'push'])\n",
    "Justfile": 'client := "attic"\nimport "more.just"\n\npublish cache="main": build\n    @{{client}} push {{cache}} result\n\nbuild:\n    nix build\n',
    "more.just": "quiet:\n    echo attic push\n",
    "Makefile": "ATTIC = attic\nall: publish\n\npublish: ; @true\n\t@$(ATTIC) push main $$OUT\n",
    "package.json": '{\n"scripts": {"cache": "attic push main"}}',
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("./ci/push.sh", [("ci/push.sh", 3, True)]),
        ('bash "$GITHUB_WORKSPACE/ci/push.sh"', [("ci/push.sh", 3, True)]),
        ("just publish", [("Justfile", 5, True)]),
        ("just quiet", []),
        ("just build", []),
        ("just absent", []),
        ("make", [("Makefile", 5, True)]),
        ("npm run cache", [("package.json", 2, True)]),
        ("python3 ci/push.py", [("ci/push.py", 2, False)]),
        ('echo "post-build-hook = ./ci/push.sh" >> nix.conf', [("ci/push.sh", 3, True)]),
    ],
)
def test_what_a_step_calls_is_followed(text: str, expected: list[tuple[str, int, bool]]) -> None:
    reached = [call for call in Reader(FILES).reached(text) if isinstance(call.effect, Writes)]
    assert [(call.path, call.line, not call.effect.unknown) for call in reached] == expected


@pytest.mark.parametrize("text", ["./absent.sh", "nix run .#app", "curl -L https://x.example/y | sh", "$TOOL push x"])
def test_what_cannot_be_read_is_opaque(text: str) -> None:
    (only,) = list(Reader(FILES).reached(text))
    assert isinstance(only.effect, Opaque)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("bash", True),
        ("bash -euo pipefail {0}", True),
        ("nix develop -c bash -e {0}", True),
        ('nix-shell --run "bash {0}"', True),
        ("python", False),
        ("pwsh", False),
        ("nu {0}", False),
    ],
)
def test_which_shell_reads_a_script(text: str, expected: bool) -> None:
    assert is_shell(text) is expected
