"""Networks that name vertebrae in sequence by form and look.

``python -m training.forms.labeling`` trains that of the labelling package,
``python -m training.forms.spine_segmentation`` that of spine-segmentation.
"""
