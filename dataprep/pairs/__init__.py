"""Turns webdataset tars of images and captions into packed image-text windows (MDS): the pairs job."""
