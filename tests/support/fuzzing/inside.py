"""What runs in the process that the fuzzer takes over: `python -m fuzzing.inside TARGET LIBFUZZER-OPTION...`"""

import sys
import warnings

import atheris

with atheris.instrument_imports(include=["bridge", "telephony", "bot"], enable_loader_override=False):
    from fuzzing.targets import TARGETS

warnings.simplefilter("error", RuntimeWarning)  # numpy's: a sample that is no number
atheris.Setup(sys.argv[1:], TARGETS[sys.argv[1]].run)
atheris.Fuzz()
