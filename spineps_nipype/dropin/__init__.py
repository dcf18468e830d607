"""The Python interface of SPINEPS, for programs that were written for it.

``from spineps_nipype.dropin import process_img_nii`` (or ``segment``, ``get_semantic_model``, …)
replaces the import from SPINEPS. Names, arguments, defaults and return values are those of SPINEPS
2.1.3 and of the version before; where the two differ, those of the older version take precedence.
The computation is that of the phases of this package. Nothing is downloaded, and importing the
module has no side effects: the names are those of the stub file beside this one, and a module is
loaded when one of its names is used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
