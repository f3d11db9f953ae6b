# Sourced by ./quickstart and ./test: installs what is missing, configures and builds preset release.
# Takes seconds when nothing is missing. Needs root or sudo only where a package is missing.

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
torch_version=2.11.0
paraview=${EDDYLINE_PARAVIEW:-ON}
install=ON # --no-install sets it to OFF: what is missing is then said by name
slurm=OFF # only tests need it: ./test sets it to EDDYLINE_SLURM

# OpenMPI asks root twice; the MPI jobs of these scripts are small and local.
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo "$@"
  else
    fail "'$*' needs root: run as root, install sudo, or ask an administrator to run it once"
  fi
}

wanted_packages() {
  cat << 'EOF'
g++ cmake ninja-build ccache git pkg-config
libopenmpi-dev openmpi-bin libhdf5-openmpi-dev libnetcdf-mpi-dev
libgtest-dev libgmock-dev libbenchmark-dev
nlohmann-json3-dev libfmt-dev libspdlog-dev libyaml-cpp-dev zlib1g-dev
python3 python3-venv
EOF
  [ "$paraview" = OFF ] || echo "paraview python3-paraview xvfb xauth"
  [ "$paraview" = OFF ] || echo "paraview-dev libpython3-dev"
  [ "$slurm" = OFF ] || echo "slurmctld slurmd slurm-client munge"
}

# Runs a command while no package may start a service: the tests start their own Slurm.
without_services() { # command…
  if [ -e /usr/sbin/policy-rc.d ]; then
    "$@"
    return
  fi
  local status=0
  trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d > /dev/null
  as_root chmod 755 /usr/sbin/policy-rc.d
  "$@" || status=$?
  as_root rm -f /usr/sbin/policy-rc.d
  trap - EXIT
  return "$status"
}

install_packages() {
  command -v dpkg-query > /dev/null || fail "this script installs with apt, which this system lacks; see README.md 'Building by hand'"
  local missing=() package
  for package in $(wanted_packages); do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
  done
  if [ ${#missing[@]} = 0 ]; then
    say "system packages: all there"
    return
  fi
  say "installing ${#missing[@]} system packages: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq || fail "apt-get update failed; is the network up?"
  without_services as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null \
    || fail "apt-get could not install: ${missing[*]}"
  for package in munge slurmctld slurmd; do # nor at the next start of the machine
    [[ " ${missing[*]} " != *" $package "* ]] || as_root systemctl --quiet disable "$package" 2> /dev/null || true
  done
}

has_nvidia_driver() { [ -e /proc/driver/nvidia/version ] || command -v nvidia-smi > /dev/null; }

# LibTorch is the pip wheel. On a machine without a GPU its CUDA libraries (3.3 GB) stay away, but for
# the two that libtorch_cpu itself is linked to.
install_python() {
  local flavour=cpu
  has_nvidia_driver && flavour=cuda
  [ -z "${EDDYLINE_TORCH:-}" ] || flavour="at EDDYLINE_TORCH"
  local stamp="torch $torch_version $flavour; numpy h5py matplotlib xarray h5netcdf tensorboard"
  [ "$flavour" != cuda ] || stamp+="; nvidia-cuda-crt"
  if [ "$(cat "$venv/eddyline.stamp" 2> /dev/null)" = "$stamp" ]; then
    say "LibTorch $torch_version ($flavour) and Python packages: all there"
    return
  fi
  say "installing LibTorch $torch_version ($flavour) and Python packages into .venv"
  [ -x "$venv/bin/pip" ] || /usr/bin/python3 -m venv "$venv" || fail "python3 could not make the virtual environment .venv"
  local pip=("$venv/bin/pip" install --quiet --disable-pip-version-check)
  if [ "$flavour" = cuda ]; then
    # The second has headers that NCCL's own ask for (EDDYLINE_NCCL).
    "${pip[@]}" "torch==$torch_version" nvidia-cuda-crt==13.0.88 || fail "pip could not install torch $torch_version; is the network up?"
  elif [ "$flavour" = cpu ]; then
    "${pip[@]}" --no-deps "torch==$torch_version" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 \
      || fail "pip could not install torch $torch_version; is the network up?"
  fi
  "${pip[@]}" numpy h5py matplotlib xarray h5netcdf \
    || fail "pip could not install numpy, h5py, matplotlib, xarray and h5netcdf"
  # TensorBoard's reader of event files needs these alone of what TensorBoard needs.
  "${pip[@]}" --no-deps tensorboard absl-py protobuf \
    || fail "pip could not install tensorboard, absl-py and protobuf"
  echo "$stamp" > "$venv/eddyline.stamp"
}

# Environment variables named like our CMake options are passed on; those that are not set go back to
# their defaults, so that a call does not inherit from an earlier one.
cmake_options() {
  local name
  for name in $(grep -oE '^(option|set)\(EDDYLINE_[A-Z0-9_]+' "$root/CMakeLists.txt" | grep -oE 'EDDYLINE_[A-Z0-9_]+' | sort -u); do
    if [ -n "${!name+set}" ]; then printf '%s\n' "-D$name=${!name}"; else printf '%s\n' "-U$name"; fi
  done
}

build() { # targets
  local options=()
  mapfile -t options < <(cmake_options)
  say "configuring and building preset release${*:+ ($*)}; the first time takes several minutes"
  (cd "$root" && cmake --preset release "${options[@]}" > build.log 2>&1) || { cat "$root/build.log" >&2; fail "cmake could not configure; its words stand above"; }
  rm -f "$root/build.log"
  (cd "$root" && cmake --build --preset release ${*:+--target "$@"}) || fail "the build failed; the compiler's words stand above"
}

# What cmake itself does not look for; the libraries it names.
check_programs() {
  local program missing=()
  for program in c++ cmake ninja mpirun python3; do
    command -v "$program" > /dev/null || missing+=("$program")
  done
  if [ "$paraview" != OFF ]; then
    command -v pvbatch > /dev/null || missing+=("pvbatch (of ParaView; or set EDDYLINE_PARAVIEW=OFF)")
    command -v xvfb-run > /dev/null || missing+=("xvfb-run (or set EDDYLINE_PARAVIEW=OFF)")
  fi
  [ -x "$venv/bin/python" ] || python3 -c 'import numpy, h5py, matplotlib' 2> /dev/null \
    || missing+=("numpy, h5py and matplotlib of python3")
  [ ${#missing[@]} = 0 ] || fail "not on PATH: $(printf '%s, ' "${missing[@]}" | sed 's/, $//'); load your site's modules"
}

setup() { # targets
  local start=$SECONDS
  if [ "$install" = OFF ]; then
    check_programs
    build "$@"
    return
  fi
  install_packages
  install_python
  # What was just installed must be found: no part is left out, nor its tests, without a word.
  [ "$paraview" = OFF ] || EDDYLINE_CATALYST=${EDDYLINE_CATALYST:-ON}
  say "set-up took $((SECONDS - start)) s"
  build "$@"
}
