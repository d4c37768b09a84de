"""Kinds of writing that once hid a push, or showed one where none is: shell, recipes, pipelines, backends."""

from __future__ import annotations

import pytest

from pytest_gf.honey.observed.repository.effect import Opaque, Writes
from pytest_gf.honey.observed.repository.effects import Around, effects

SEEN = {
    "a known word is read anew": "c=echo\nread c <<< attic\n$c push main x\n",
    "a known word is printed anew": "c=echo\nprintf -v c attic\n$c push main x\n",
    "a known word is taken away": "c=echo\nunset c\n$c attic push main x\n",
    "a loop has the same name": "c=echo\nfor c in attic nix; do $c push main x; done\n",
    "a function sets the word": "f() { V=push; }\nV=login\nf\nattic $V main x\n",
    "a sourced file may set the word": "V=login\n. ./vars.sh\nattic $V main x\n",
    "an array grows": 'a=(attic)\na+=(push main x)\n"${a[@]}"\n',
    "an array is another one behind a condition": 'a=(attic push main x)\nif [ -n "$DRY" ]; then a=(echo no); fi\n"${a[@]}"\n',
    "an alias": "alias a=attic\na push main x\n",
    "a word in escapes": "$'\\x61ttic' $'p\\165sh' main x\n",
    "env -S in one word": "env -S'attic push main x'\n",
    "script with options in one word": "script -qc 'attic push main x' /dev/null\n",
    "devenv without --": "devenv shell attic push main x\n",
    "options before Nix's subcommand": "nix --extra-experimental-features 'nix-command flakes' run nixpkgs#attic-client push main x\n",
    "options before nix shell": "nix --option sandbox false shell nixpkgs#attic-client -c attic push main x\n",
    "Python's text in a here-document": "python3 - <<'EOF'\nimport os\nos.system('attic push main x')\nEOF\n",
    "awk runs it": "awk 'BEGIN{system(\"attic push main x\")}'\n",
    "an exported function": 'f() { attic push main "$1"; }\nexport -f f\nxargs -n1 bash -c \'f "$@"\' _ < paths\n',
    "Attic's own address": "curl -X PUT https://nix-cache.tinyland.dev/_api/v1/upload-path --data-binary @x.nar\n",
    "an exit in the background": "exit 0 &\nattic push main x\n",
    "an option before Attic's verb": "attic --config x push main y\n",
}
"""Each writes to Attic, or may: a finding, or something that can't be read."""
UNSEEN = {
    "exec takes the shell's place": "exec ./server\nattic push main x\n",
    "awk only prints it": "awk '/attic push/ {print}' log\n",
    "a loop's other word": "for c in a b; do echo $c; done\nc=login\nattic $c main x\n",
}


@pytest.mark.parametrize("name", SEEN)
def test_a_push_is_never_passed_over(name: str) -> None:
    found = effects(SEEN[name], Around())
    assert any(isinstance(one, Writes | Opaque) for one in found)


@pytest.mark.parametrize("name", UNSEEN)
def test_no_push_is_seen_where_none_is(name: str) -> None:
    assert not [one for one in effects(UNSEEN[name], Around()) if isinstance(one, Writes)]


def test_a_hook_in_a_variable_is_followed() -> None:
    found = effects("export NIX_CONFIG='post-build-hook = ./push.sh'\nnix build\n", Around())
    assert [getattr(one, "target", "") for one in found] == ["./push.sh"]
