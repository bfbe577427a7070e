# Installs the programs that the payment system and its tests need, where that may be done. To be sourced.
#
#   install_missing PROGRAM...   installs those that are not there, says so, and leaves in MISSING, a list of
#                                words, those that are still not there after it
#
# It installs on Debian and Ubuntu as root or with a sudo that asks for no password, and on macOS with Homebrew.
# It starts no service, now or at the next boot. PAYOPS_INSTALL=no keeps it from installing anything.
# shellcheck shell=bash
# shellcheck disable=SC2046,SC2086 # MISSING, packages and root are lists of words

oldest_java=17 # what Kafka 4 runs on

# On Debian mariadbd is where the PATH of most users does not lead. Homebrew keeps its java off the PATH, on which
# macOS has one that only says that there is none.
PATH=$PATH:/usr/local/sbin:/usr/sbin
for folder in /opt/homebrew/opt/openjdk/bin /usr/local/opt/openjdk/bin; do
    if [ -d "$folder" ]; then PATH=$folder:$PATH; fi
done
export PATH

install_missing() {
    MISSING=$(absent "$@")
    [ -n "$MISSING" ] || return 0
    if [ "${PAYOPS_INSTALL:-}" = no ]; then
        say "PAYOPS_INSTALL=no, so these stay away: $MISSING"
    elif command -v apt-get >/dev/null; then
        install_with_apt
    elif command -v brew >/dev/null; then
        install_with_brew
    else
        say "there is no apt-get and no Homebrew here; please install by hand: $MISSING"
    fi
    MISSING=$(absent $MISSING)
}

say() { echo "${0##*/}: $*"; }

# absent PROGRAM...: those that cannot be used.
absent() {
    local program missing=
    for program; do
        usable "$program" || missing="$missing $program"
    done
    echo "${missing# }"
}

usable() {
    case $1 in
        java) [ "$(java_major)" -ge "$oldest_java" ] ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

java_major() {
    local major
    major=$("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p') || true
    echo "${major:-0}"
}

install_with_apt() {
    local root=
    if [ "$(id -u)" != 0 ]; then
        root='sudo -n'
        if ! $root true 2>/dev/null; then
            say "these are missing, and installing them asks for a password; please run"
            say "    sudo apt-get install --no-install-recommends $(apt_packages)"
            return
        fi
    fi
    say "installing $MISSING with apt-get"
    quietly $root apt-get -qq update || true # then with the lists that are there
    without_service_starts "$root" quietly $root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 install $(apt_packages) || true
    disable_services "$root"
}

# disable_services ROOT: what came with the missing programs shall not start at the next boot either.
disable_services() {
    local program service
    [ -d /run/systemd/system ] || return 0
    for program in $MISSING; do
        case $program in
            mariadbd) service=mariadb ;;
            redis-server | prometheus) service=$program ;;
            *) continue ;;
        esac
        $1 systemctl disable "$service" >/dev/null 2>&1 || true # no such service: there is one without it
    done
}

# apt_packages: what brings the missing programs, in a form without a service where there is one.
apt_packages() {
    local program packages=
    for program in $MISSING; do
        case $program in
            mariadbd) packages="$packages $(apt_known 'mariadb-server-core mariadb-client-core' mariadb-server)" ;;
            mariadb-admin) packages="$packages mariadb-client" ;;
            java) packages="$packages $(apt_known openjdk-17-jre-headless openjdk-21-jre-headless default-jre-headless)" ;;
            mvn) packages="$packages maven" ;;
            cc) packages="$packages gcc libc6-dev" ;;
            *) packages="$packages $program" ;;
        esac
    done
    echo "${packages# }"
}

# apt_known PACKAGES...: the first of several lists of packages that this release has, else the last.
apt_known() {
    local packages
    for packages; do
        if apt-get -qq --simulate install $packages >/dev/null 2>&1; then break; fi
    done
    echo "$packages"
}

# without_service_starts ROOT COMMAND...: runs the command while package scripts may start no service, by the
# file that Debian has for that. One that is there and forbids it already is left alone.
without_service_starts() (
    root=$1 guard=/usr/sbin/policy-rc.d kept=/usr/sbin/policy-rc.d.payops-kept
    shift
    if "$guard" any-service start >/dev/null 2>&1 || [ $? != 101 ]; then
        restore() {
            $root rm -f "$guard"
            if [ -e "$kept" ]; then $root mv "$kept" "$guard"; fi
        }
        trap restore EXIT
        trap 'exit 130' INT TERM
        if [ -e "$guard" ]; then $root mv "$guard" "$kept"; fi
        printf '#!/bin/sh\nexit 101\n' | $root tee "$guard" >/dev/null
        $root chmod 755 "$guard"
    fi
    "$@"
)

install_with_brew() {
    local program formulas=
    for program in $MISSING; do
        case $program in
            mariadbd | mariadb-admin) formulas="$formulas mariadb" ;;
            redis-server) formulas="$formulas redis" ;;
            java) formulas="$formulas openjdk" ;;
            mvn) formulas="$formulas maven" ;;
            npm) formulas="$formulas node" ;;
            cc) say "for a C compiler please run: xcode-select --install" ;;
            *) formulas="$formulas $program" ;;
        esac
    done
    [ -n "$formulas" ] || return 0
    say "installing$formulas with Homebrew"
    quietly brew install --quiet $formulas || true
}

# quietly COMMAND...: shows what the command printed only when it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ $status != 0 ]; then
        say "failed: $*"
        tail -n 20 "$log"
    fi
    rm -f "$log"
    return $status
}
