//go:build tools

// Package tools pins the ingress controller that tests put before a site.
package tools

import _ "github.com/jcmoraisjr/haproxy-ingress/pkg"
