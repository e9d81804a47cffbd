# Packages: need SECTION... installs what packages.txt lists in these sections and this machine
# lacks. Asks nothing. TRINE_NO_APT=1 turns it off. Expects lib.sh and $root.

packages_of() {  # SECTION...
  local section='' line wanted=" $* "
  while IFS= read -r line || [[ $line ]]; do
    line=${line%%#*}
    read -r line <<<"$line" || true
    if [[ $line == \[*\] ]]; then
      section=${line:1:-1}
    elif [[ $line && $wanted == *" $section "* ]]; then
      printf '%s\n' "$line"
    fi
  done <"$root/packages.txt"
}

missing_of() {  # PACKAGE...: those not installed
  local package
  for package; do
    [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) == ?i* ]] ||
      printf '%s\n' "$package"
  done
}

need() {
  [[ ${TRINE_NO_APT:-} == 1 ]] && return
  local packages missing as_root=() log=$root/build/apt.log
  mapfile -t packages < <(packages_of "$@")
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    fail "This is not a Debian system, so the packages cannot be installed for you. Install what \
packages.txt lists under ${*/#/section } (${packages[*]}), then set TRINE_NO_APT=1 and run this again."
  fi
  mapfile -t missing < <(missing_of "${packages[@]}")
  ((${#missing[@]})) || return 0

  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null || { ! sudo -n true 2>/dev/null && [[ ! -t 0 ]]; }; then
      fail "These packages are missing, and you are neither root nor able to use sudo: \
${missing[*]}. Ask an administrator to run: apt-get install ${missing[*]}"
    fi
    as_root=(sudo)
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y
             -o DPkg::Lock::Timeout=300)
  say "installing by apt: ${missing[*]}"
  # An update that fails may still leave lists that are good enough.
  logged "$log" "${apt[@]}" update ||
    say "apt-get update failed (its output is above); going on with the lists that are there"
  logged "$log" "${apt[@]}" install --no-install-recommends "${missing[@]}" ||
    fail "apt could not install ${missing[*]} (its output is above and in build/apt.log). Trine is \
set up on Debian 12 with network access; on another release, install the like of these by hand and \
set TRINE_NO_APT=1."
}
