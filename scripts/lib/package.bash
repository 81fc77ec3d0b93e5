# shellcheck shell=bash disable=SC2154
# How packages are put together. For scripts/package, which sets `target`, `out`, `version`, `program`, `binary`.

# same_everywhere: nothing of this machine, this directory or this moment gets into what is built from here on.
same_everywhere() {
  local map cargo=${CARGO_HOME:-$HOME/.cargo}
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
  export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C.UTF-8 CARGO_INCREMENTAL=0 CARGO_PROFILE_RELEASE_STRIP=symbols
  export RUSTFLAGS='' CFLAGS=''
  # The last that fits counts: what is inside another comes after it.
  for map in "$PWD=/driftless" "$target=/target" "$cargo=/cargo"; do
    RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=$map"
    CFLAGS="$CFLAGS -ffile-prefix-map=$map"
  done
  # Not the day of the commit either: cargo does not build C anew when that changes.
  CFLAGS="$CFLAGS -Wno-builtin-macro-redefined -D__DATE__=\"1970-01-01\" -D__TIME__=\"00:00:00\""
  umask 022
}

build_program() {
  PATH=$PWD/.cache/zig/bin:$PATH CARGO_ZIGBUILD_ZIG_PATH=$PWD/.cache/zig/bin/python-zig \
    cargo zigbuild --quiet --release --locked --bin driftless --target "$1-unknown-linux-musl"
}

# lay_out ARCHITECTURE TREE: what both packages have in common.
lay_out() {
  local architecture=$1 tree=$2 page
  rm -rf "$tree"
  install -D -m 0755 "${binary:-$target/$architecture-unknown-linux-musl/release/driftless}" "$tree/usr/bin/driftless"
  for page in "$target"/lib/driftless/modules/*/driftless-modules; do
    install -D -m 0644 "$page" "$tree/usr/lib/driftless/modules/${page#"$target"/lib/driftless/modules/}"
  done
  install -D -m 0644 -t "$tree/usr/lib/driftless/drop-ins" systemd/local-become.conf systemd/preview.conf
  install -D -m 0644 systemd/driftless.sysusers "$tree/usr/lib/sysusers.d/driftless.conf"
  install -D -m 0644 systemd/driftless.tmpfiles "$tree/usr/lib/tmpfiles.d/driftless.conf"
  install -D -m 0644 systemd/config.yml "$tree/etc/driftless/config.yml"
  mkdir -p "$tree/usr/lib/systemd/system"
  sed 's#/usr/local/bin/#/usr/bin/#' systemd/driftless.service >"$tree/usr/lib/systemd/system/driftless.service"
  sed -i 's#-m 0644 systemd/#-m 0644 /usr/lib/driftless/drop-ins/#' "$tree"/usr/lib/driftless/drop-ins/*.conf

  mkdir -p "$tree"/usr/share/{bash-completion/completions,fish/vendor_completions.d,man/man1,man/man5}
  "$program" completions bash >"$tree/usr/share/bash-completion/completions/driftless"
  "$program" completions fish >"$tree/usr/share/fish/vendor_completions.d/driftless.fish"
  "$program" man "$tree/manual"
  for page in "$tree"/manual/*; do gzip -9n "$page"; done
  mv "$tree"/manual/*.1.gz "$tree/usr/share/man/man1"
  mv "$tree"/manual/*.5.gz "$tree/usr/share/man/man5"
  rmdir "$tree/manual"
  lay_out_documents "$architecture" "$tree/usr/share/doc/driftless"
}

lay_out_documents() {
  local architecture=$1 documents=$2 folder
  for folder in . adr runbooks; do install -D -m 0644 -t "$documents/docs/$folder" docs/"$folder"/*.md; done
  install -m 0644 -t "$documents" README.md SECURITY.md ARCHITECTURE.md
  gzip -9n <CHANGELOG.md >"$documents/changelog.gz"
  install -D -m 0644 systemd/config.example.yml "$documents/examples/config.yml"
  python3 scripts/lib/sbom.py "$version" "$architecture" "$out/third-party.txt" >"$documents/sbom.cdx.json"
  gzip -9n <"$out/third-party.txt" >"$documents/third-party.txt.gz"
  rm "$out/third-party.txt"
  install -m 0644 "$documents/sbom.cdx.json" "$out/driftless_${version}_$architecture.cdx.json"
}

# make_deb ARCHITECTURE TREE: by dpkg-deb alone.
make_deb() {
  local tree=$2/../deb architecture=amd64 size
  [ "$1" = x86_64 ] || architecture=arm64
  rm -rf "$tree"
  cp -a "$2" "$tree"
  mkdir -p "$tree/DEBIAN" "$tree"/usr/share/{zsh/vendor-completions,lintian/overrides}
  "$program" completions zsh >"$tree/usr/share/zsh/vendor-completions/_driftless"
  install -m 0644 packaging/debian/lintian-overrides "$tree/usr/share/lintian/overrides/driftless"
  install -m 0644 packaging/debian/copyright "$tree/usr/share/doc/driftless/copyright"
  sed "s/@VERSION@/$version-1/; s/@DATE@/$(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")/" \
    packaging/debian/changelog.in | gzip -9n >"$tree/usr/share/doc/driftless/changelog.Debian.gz"
  size=$(find "$tree" -path "$tree/DEBIAN" -prune -o -type f -printf '%s\n' | awk '{ all += int(($1 + 1023) / 1024) } END { print all }')
  sed "s/@VERSION@/$version-1/; s/@ARCHITECTURE@/$architecture/; s/@SIZE@/$size/" packaging/debian/control.in \
    >"$tree/DEBIAN/control"
  (cd "$tree" && find etc usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
  install -m 0644 packaging/debian/conffiles "$tree/DEBIAN/conffiles"
  install -m 0755 packaging/debian/{postinst,prerm,postrm} "$tree/DEBIAN"
  # One thread: how a file is cut for several depends on the machine.
  dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$tree" "$out/driftless_$version-1_$architecture.deb" >/dev/null
  rm -rf "$tree"
}

# make_rpm ARCHITECTURE TREE: by rpmbuild, from what is there already.
make_rpm() {
  local tree=$2/../rpm work=$2/../rpmbuild
  rm -rf "$tree" "$work"
  cp -a "$2" "$tree"
  mkdir -p "$tree/usr/share/zsh/site-functions"
  "$program" completions zsh >"$tree/usr/share/zsh/site-functions/_driftless"
  install -D -m 0644 -t "$tree/usr/share/licenses/driftless" LICENSE-MIT LICENSE-APACHE python/COPYING python/LICENSE.md
  find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
  rpmbuild -bb --quiet --target "$1-linux" --define "_topdir $work" --define "tree $(realpath "$tree")" \
    --define "given_version $version" --define '_buildhost driftless' --define 'use_source_date_epoch_as_buildtime 1' \
    --define 'clamp_mtime_to_source_date_epoch 1' --define 'source_date_epoch_from_changelog 0' \
    packaging/rpm/driftless.spec >"$out/rpmbuild.log" 2>&1 || { tail -n 20 "$out/rpmbuild.log" >&2; return 1; }
  mv "$work"/RPMS/*/*.rpm "$out"
  rm -rf "$tree" "$work" "$out/rpmbuild.log"
}
