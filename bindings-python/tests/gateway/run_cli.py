"""The command line on the stand-in core, for tests that need a real process."""

import sys
from pathlib import Path

import standin

if not standin.real_core_exists() or "--stand-in" in sys.argv:
    standin.install()
    sys.argv = [argument for argument in sys.argv if argument != "--stand-in"]

from interlingua.cli import main

assert Path(__file__).exists()
raise SystemExit(main())
