#!/usr/bin/env bash
# trimesh: a 3MF file in inches that is read and saved is in millimetres, 25.4 times smaller
#
# Guess: `units` of what was read says inch, so saving it as 3MF writes unit="inch", or scales it to millimetres, the
#        default of the format.
# Seen:  trimesh 5.2.0, lib3mf 2.5.0 (the reference reader), 2026-12-01: it reads "inch" into `units`, and writes
#        unit="millimeter" with the same numbers. lib3mf and trimesh itself then read a part of one millimetre.
# So:    a part that was only turned or renamed arrives at the printer as a crumb. convert_units('millimeter') first.
# Source: 3MF Core Specification 1.3, <model unit>; trimesh, lib3mf
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "trimesh==5.2.0" "lib3mf==2.5.0" "lxml==6.1.3" \
    "networkx==3.6.1" "numpy==2.4.6"

cat > "$tmp/expected" <<'END'
written by lib3mf     lib3mf: Inch, 1 wide         trimesh: inch, 1 wide
saved by trimesh      lib3mf: MilliMeter, 1 wide   trimesh: millimeter, 1 wide
converted, then saved lib3mf: MilliMeter, 25.4 wide trimesh: millimeter, 25.4 wide
END

cat > "$tmp/probe.py" <<'END'
import io

import lib3mf
import trimesh

wrapper = lib3mf.get_wrapper()
CORNERS = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
SIDES = [(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)]


def written():
    """A tetrahedron one inch wide."""
    model = wrapper.CreateModel()
    model.SetUnit(lib3mf.ModelUnit.Inch)
    part = model.AddMeshObject()
    for corner in CORNERS:
        part.AddVertex(lib3mf.Position((lib3mf.ctypes.c_float * 3)(*corner)))
    for side in SIDES:
        part.AddTriangle(lib3mf.Triangle((lib3mf.ctypes.c_uint32 * 3)(*side)))
    model.AddBuildItem(part, wrapper.GetIdentityTransform())
    return bytes(model.QueryWriter('3mf').WriteToBuffer())


def show(name, data):
    model = wrapper.CreateModel()
    model.QueryReader('3mf').ReadFromBuffer(data)
    box = model.GetOutbox()
    unit = lib3mf.ModelUnit(model.GetUnit()).name
    one = f'lib3mf: {unit}, {box.MaxCoordinate[0] - box.MinCoordinate[0]:.3g} wide'
    scene = trimesh.load_scene(io.BytesIO(data), file_type='3mf')
    print(f'{name:21} {one:28} trimesh: {scene.units}, {scene.extents[0]:.3g} wide')
    return scene


scene = show('written by lib3mf', written())
show('saved by trimesh', scene.export(file_type='3mf'))
show('converted, then saved', scene.convert_units('millimeter').export(file_type='3mf'))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
