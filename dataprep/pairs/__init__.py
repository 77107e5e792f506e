"""The pairs job: webdataset tars of images and captions in, packed image-text windows (MDS) out."""
