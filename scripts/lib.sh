# Shared by the scripts beside it; sourced, never run.

# Installs what is missing of scripts/packages: all of it for `install_packages test`, what Kafka needs for
# `install_packages kafka`, else what has no mark.
install_packages() {
  local wanted missing=() sudo=()
  case ${1:-} in
    test) wanted=$(sed 's/#.*//; s/ \(test\|kafka\)$//' "$root/scripts/packages") ;;
    kafka) wanted=$(sed -n 's/ kafka$//p' "$root/scripts/packages") ;;
    *) wanted=$(sed 's/#.*//; / \(test\|kafka\)$/d' "$root/scripts/packages") ;;
  esac
  for package in $wanted; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  [[ $(id -u) == 0 ]] || sudo=(sudo)
  echo "Installing: ${missing[*]}" >&2
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Configures and builds a CMake preset, or the named targets of it.
build_preset() {
  local preset=$1 launcher=() targets=()
  shift
  (($# == 0)) || targets=(--target "$@")
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  (cd "$root" && cmake --preset "$preset" "${launcher[@]}" >/dev/null && cmake --build --preset "$preset" "${targets[@]}")
}
