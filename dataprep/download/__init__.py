"""Turns DataComp's URLs and DataComp-DR's captions into accounted webdataset tars of images: the download job."""
