#!/usr/bin/env bash
# libfaketime, for `jump_clock` only: the installed one, else Debian's or Ubuntu's package. Without
# it everything else works, so a machine that cannot have it goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

if compgen -G '/usr/lib*/faketime/libfaketimeMT.so.1' >/dev/null; then exit 0; fi
if compgen -G '/usr/lib*/*/faketime/libfaketimeMT.so.1' >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null 2>&1 || ! can_be_root; then
    say faketime "not installed, and not to be installed by this user: only the fault 'jump_clock' needs it (sudo apt-get install libfaketime)"
    exit 0
fi
step faketime "installing libfaketime by apt-get" as_root "$BASH" scripts/apt_install.sh libfaketime \
    || { say faketime "apt-get could not install libfaketime: only the fault 'jump_clock' needs it"; exit 0; }
say faketime "libfaketime, loaded into nodes only where a plan lets a clock jump"
