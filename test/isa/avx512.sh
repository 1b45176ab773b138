#!/usr/bin/env bash
# The tests of the CPU's kernels on AVX-512, on a machine without it: a Skylake-X that Bochs emulates boots Debian's kernel
# with the test program as its only process.
# Usage: avx512.sh TEST_KERNELS [doctest's options]   needs: tools/deps.sh avx512
# KERNEL=FILE takes another vmlinuz than the one that is fetched; REGKIT_TEST_BACKENDS other rows than all of AVX-512.
set -euo pipefail
source=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "$1")
shift
(($#)) || set -- '--test-case-exclude=*finite differences*,cuda*,memory that cannot be had*' --duration=true
work=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2> /dev/null || true; rm -rf "$work"' EXIT
cd "$work"

if [[ -z ${KERNEL:-} ]]; then  # fetched and unpacked, not installed
    package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*-cloud-amd64\)$/\1/p' | head -1)
    apt-get -qq download "$package"
    dpkg -x "$package"_*.deb kernel
    KERNEL=$(ls kernel/boot/vmlinuz-*)
fi

mkdir -p root/{dev,proc,tmp} disc/isolinux
cc -O1 -static "$source/init.c" -o root/init
cp "$program" root/test
ldd "$program" | grep -o '/[^ ]*' | while read -r library; do install -D "$library" "root$library"; done
printf '%s\n' "REGKIT_TEST_BACKENDS=${REGKIT_TEST_BACKENDS:-avx512}" --no-colors=true "$@" > root/options
(cd root && find . | cpio -o -H newc --quiet) > disc/isolinux/initrd
cp "$KERNEL" disc/isolinux/vmlinuz
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 disc/isolinux
# Without XSAVES and XSAVEC: Linux finds the size that this Bochs gives for them wrong and goes on without AVX.
cat > disc/isolinux/isolinux.cfg << 'END'
DEFAULT linux
PROMPT 0
LABEL linux
  KERNEL vmlinuz
  INITRD initrd
  APPEND quiet console=ttyS0 rdinit=/init nokaslr nosmp mitigations=off tsc=reliable lpj=4000000 random.trust_cpu=on apparmor=0 audit=0 cryptomgr.notests initcall_blacklist=load_system_certificate_list,init_evm,init_ima noxsaves clearcpuid=xsavec,xsaves
END
genisoimage -quiet -o disc.iso -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table disc
cat > bochsrc << 'END'
megs: 256
cpu: model=corei7_skylake_x, count=1, ips=20000000, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=disc.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=serial
display_library: rfb, options="timeout=0"
sound: waveoutdrv=dummy
clock: sync=none
log: bochs.log
panic: action=fatal
END

echo continue > commands  # Debian's Bochs starts in its debugger
touch serial
bochs-bin -q -f bochsrc < commands > bochs.out 2>&1 &
started+=($!)
tail -n +1 -f serial &
started+=($!)
until grep -q '^EXIT' serial || ! kill -0 "${started[0]}" 2> /dev/null; do sleep 1; done
code=$(tr -d '\r' < serial | sed -n 's/^EXIT //p')
if [[ -z $code ]]; then
    tail -n 20 bochs.log
    echo "The emulated machine ended before the tests did."
    exit 1
fi
exit "$code"
