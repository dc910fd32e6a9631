"""Started by `pulumi` (Pulumi.yaml: `main: infra/`)."""

from infra.program import main

main()
