#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes ./configure from a checkout.
cd "$(dirname "$0")" && exec autoreconf -fi
