#!/usr/bin/env bash
# Installs OpenSSH's server for the tests of SFTP sources, unless it is there. No server is started by it.
set -euo pipefail
if [ -x /usr/sbin/sshd ] || [ -x /usr/local/sbin/sshd ]; then
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "no sshd: install the package openssh-server" >&2
  exit 1
fi
# The package would start one.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq
apt-get install -y -qq --no-install-recommends openssh-server
