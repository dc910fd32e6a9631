"""Started by `pulumi` (Pulumi.yaml: `main: infra/`)."""

import pulumi

from infra.program import main
from kit.errors import CallerError

try:
    main()
except CallerError as refused:
    raise pulumi.RunError(str(refused)) from None  # told in one line, without our stack of calls
