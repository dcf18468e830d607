"""The Python interface of SPINEPS, for programs that were written for it.

``from spineps_nipype.dropin import process_img_nii`` (or ``segment``, ``get_semantic_model``, ...)
replaces the import from SPINEPS: names, arguments, defaults and return values are those of
SPINEPS 2.1.3 and of the version before, whose names come first where the two differ. Underneath
run the phases of this package. Nothing is downloaded, and nothing happens on import: the names are
those of the stub file beside this one, and a module is loaded when one of its names is used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
