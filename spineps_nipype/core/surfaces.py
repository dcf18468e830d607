"""Closed surfaces of the structures of a mask, in world coordinates, and their files.

Coordinates are mm to the right, to the front and up (RAS+), as in NIfTI, so that a surface lies on
its mask in every viewer. The header of an STL file says so in the words that 3D Slicer reads;
GIfTI states it in its coordinate system.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from .components import bounding_box
from .files import whole_file

STL_HEADER: Final = b"Surface in mm. SPACE=RAS"
"""Begin of a binary STL file; 3D Slicer takes coordinates for LPS unless it says otherwise."""
STL_HEADER_BYTES: Final = 80
LEVEL: Final = 0.5
"""Where the surface runs between a voxel outside (0) and one inside (1)."""


@dataclass(frozen=True)
class Surface:
    """Triangles around a structure.

    Parameters
    ----------
    vertices
        World coordinates [mm, RAS+], shape (n, 3).
    triangles
        Vertices of each triangle, counter-clockwise as seen from outside, shape (m, 3).
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]

    @property
    def corners(self) -> NDArray[np.float64]:
        """World coordinates of the corners of each triangle, shape (m, 3, 3)."""
        corners: NDArray[np.float64] = self.vertices[self.triangles]
        return corners

    @property
    def normals(self) -> NDArray[np.float64]:
        """Normal of each triangle to the outside, as long as twice its area, shape (m, 3)."""
        a, b, c = np.moveaxis(self.corners, 1, 0)
        normals: NDArray[np.float64] = np.cross(b - a, c - a)
        return normals

    @property
    def area(self) -> float:
        """Area [mm²]."""
        return float(np.linalg.norm(self.normals, axis=1).sum() / 2)

    @property
    def volume(self) -> float:
        """Volume inside [mm³], from the divergence theorem."""
        # Near the origin the terms are small, so that little is lost when they cancel out.
        corners = self.corners - self.vertices.mean(axis=0)
        a, b, c = np.moveaxis(corners, 1, 0)
        return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)

    @property
    def closed(self) -> bool:
        """Whether every edge joins two triangles that agree on what is outside."""
        edges = np.concatenate([self.triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
        forth, back = (np.sort(self._codes(e)) for e in (edges, edges[:, ::-1]))
        return bool(np.array_equal(forth, back))

    def _codes(self, edges: NDArray[np.int32]) -> NDArray[np.int64]:
        """One number for each directed edge."""
        return edges[:, 0].astype(np.int64) * len(self.vertices) + edges[:, 1]


def surface_of(mask: NDArray[Any], affine: NDArray[Any]) -> Surface:
    """Surface halfway between the voxels inside and those outside, closed at the image border.

    Parameters
    ----------
    mask
        Voxels that are inside, shape (x, y, z); there has to be one.
    affine
        Voxel indices to world coordinates (RAS+, mm), shape (4, 4).

    Returns
    -------
    Surface
        Its volume is somewhat smaller than that of the voxels, whose corners it cuts off.
        Source: Lewiner et al., J Graph Tools 2003 (marching cubes without holes).
    """
    from skimage.measure import marching_cubes

    box = bounding_box(mask)
    inside = np.pad(mask[box] > 0, 1)  # outside voxels all around, so that nothing stays open
    vertices, triangles, _, _ = marching_cubes(inside.astype(np.float32), LEVEL)
    start = np.array([side.start for side in box]) - 1
    world = apply_affine(affine, vertices.astype(np.float64) + start)
    surface = Surface(world, triangles.astype(np.int32))
    if surface.volume < 0:  # the order of corners depends on the directions of the voxel axes
        surface = Surface(world, np.ascontiguousarray(surface.triangles[:, ::-1]))
    return surface


def write_stl(surface: Surface, path: Path) -> Path:
    """Write a binary STL file [mm, RAS+] completely or not at all."""
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    faces = np.zeros(len(surface.triangles), record)
    length = np.linalg.norm(surface.normals, axis=1, keepdims=True)
    faces["normal"] = surface.normals / np.where(length > 0, length, 1)
    faces["corners"] = surface.corners
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        stream.write(STL_HEADER.ljust(STL_HEADER_BYTES))
        stream.write(np.uint32(len(faces)).astype("<u4").tobytes())
        stream.write(faces.tobytes())
    return path


def write_gifti(surface: Surface, path: Path, name: str) -> Path:
    """Write a GIfTI surface [mm, RAS+] completely or not at all.

    Parameters
    ----------
    name
        Structure that it shows, for the metadata.
    """
    scanner = nib.nifti1.xform_codes["scanner"]
    system = nib.gifti.GiftiCoordSystem(dataspace=scanner, xformspace=scanner, xform=np.eye(4))
    points = nib.gifti.GiftiDataArray(
        surface.vertices.astype(np.float32),
        intent="NIFTI_INTENT_POINTSET",
        datatype="NIFTI_TYPE_FLOAT32",
        coordsys=system,
        meta=nib.gifti.GiftiMetaData({"Name": name}),
    )
    faces = nib.gifti.GiftiDataArray(
        surface.triangles,
        intent="NIFTI_INTENT_TRIANGLE",
        datatype="NIFTI_TYPE_INT32",
    )
    image = nib.gifti.GiftiImage(darrays=[points, faces])
    with whole_file(path) as temporary:
        temporary.write_bytes(image.to_xml())
    return path
