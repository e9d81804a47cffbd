# Helpers of ./dev and .ci/run. Everything is said on stderr: stdout belongs to the tool that runs.
# Expects $root, the source folder.

if [[ -t 2 ]]; then on_terminal=1; else on_terminal=; fi
if [[ $on_terminal && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
  bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' red='' plain=''
fi

say() { printf '%s\n' "${bold}dev:${plain} $*" >&2; }
fail() {  # SENTENCE [STATUS]
  printf '%s\n' "${red}dev:${plain} $1" >&2
  exit "${2:-1}"
}

# logged LOG COMMAND...: the output goes to the file LOG; on a terminal the last line is shown as
# it changes. On failure prints the last 40 lines and returns the status of the command.
logged() {
  local log=$1 status=0 line
  shift
  mkdir -p "$(dirname "$log")" || return 1
  if [[ $on_terminal ]]; then
    "$@" </dev/null 2>&1 | while IFS= read -r line; do
      printf '%s\n' "$line" >&3
      printf '\r\e[K%s' "${line:0:${COLUMNS:-78}}" >&2
    done 3>"$log"
    status=${PIPESTATUS[0]}
    printf '\r\e[K' >&2
  else
    "$@" </dev/null >"$log" 2>&1 || status=$?
  fi
  if ((status != 0)); then tail -n 40 "$log" >&2; fi
  return "$status"
}

# build PRESET [CMAKE_VARIABLES...] [-- BUILD_ARGS...]: configures when needed, then builds.
build() {
  local preset=$1 dir=$root/build/$1 variables=()
  shift
  while (($#)) && [[ $1 != -- ]]; do variables+=("$1"); shift; done
  if (($#)); then shift; fi
  if [[ ! -e $dir/build.ninja || $root/CMakePresets.json -nt $dir/build.ninja ]] ||
    ((${#variables[@]})); then
    say "configuring build/$preset"
    # A second try from scratch: the folder may have been moved, or packages may have changed.
    (cd "$root" && logged "$dir/configure.log" cmake --preset "$preset" "${variables[@]}") \
      2>/dev/null ||
      (cd "$root" && logged "$dir/configure.log" \
        cmake --preset "$preset" --fresh "${variables[@]}") ||
      fail "CMake could not configure build/$preset; its output is in build/$preset/configure.log."
  fi
  say "building build/$preset"
  logged "$dir/build.log" cmake --build "$dir" "$@" ||
    fail "The build failed; its whole output is in build/$preset/build.log."
}
