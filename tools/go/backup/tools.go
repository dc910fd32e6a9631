//go:build tools

// Package tools pins the backup programs that are built from source.
package tools

import (
	_ "github.com/restic/rest-server/cmd/rest-server"
	_ "github.com/restic/restic/cmd/restic"
)
