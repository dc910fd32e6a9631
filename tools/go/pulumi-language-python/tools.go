//go:build tools

// Package tools pins the language host that runs Pulumi's Python programs.
package tools

import _ "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
