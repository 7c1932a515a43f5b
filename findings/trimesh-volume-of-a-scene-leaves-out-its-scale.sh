#!/usr/bin/env bash
# trimesh: the volume of a scene counts a part placed at double size as one of single size
#
# Guess: volume and area of a scene are those of its parts as they are placed, as its bounds and extents are.
# Seen:  trimesh 5.2.0, 2026-12-01: two cubes, one of them at double size, are 1 + 8 = 9 in volume and 6 + 24 = 30 in
#        area, and so says the scene made into one mesh. The scene itself says 2 and 12, while its bounds are those of
#        the double cube. Neither a way through a glTF file nor convert_units() mends it.
# So:    material and price of a print from scene.volume are wrong where a slicer has placed a part larger or smaller;
#        scene.to_mesh().volume is right.
# Source: trimesh, Scene.volume, Scene.area, Scene.to_mesh; the volume of a cube
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "trimesh==5.2.0" "numpy==2.4.6"

cat > "$tmp/expected" <<'END'
one cube         wide 1; volume 1, as one mesh 1; area 6, as one mesh 6
and one of 2     wide 4.5; volume 2, as one mesh 9; area 12, as one mesh 30
by way of glTF   wide 4.5; volume 2, as one mesh 9; area 12, as one mesh 30
in centimetres   wide 0.45; volume 0.002, as one mesh 0.009; area 0.12, as one mesh 0.3
END

cat > "$tmp/probe.py" <<'END'
import io

import numpy
import trimesh


def show(name, scene):
    mesh = scene.to_mesh()
    wide = scene.extents[0]
    print(f'{name:16} wide {wide:.3g}; volume {scene.volume:.4g}, as one mesh {mesh.volume:.4g}; '
          f'area {scene.area:.4g}, as one mesh {mesh.area:.4g}')


cube = trimesh.creation.box([1, 1, 1])
single = trimesh.Scene()
single.add_geometry(cube, geom_name='cube', transform=numpy.eye(4))
show('one cube', single)
both = single.copy()
double = numpy.diag([2, 2, 2, 1])
double[0, 3] = 3
both.graph.update(frame_to='double', geometry='cube', matrix=double)
show('and one of 2', both)
again = trimesh.load_scene(io.BytesIO(both.export(file_type='glb')), file_type='glb')
show('by way of glTF', again)
both.units = 'millimeter'
show('in centimetres', both.convert_units('centimeter'))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
