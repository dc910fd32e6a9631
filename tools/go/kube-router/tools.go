//go:build tools

// Package tools pins the program that enforces network policies.
package tools

import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
