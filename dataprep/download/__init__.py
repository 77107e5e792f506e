"""The download job: DataComp's URLs and DataComp-DR's captions in, accounted webdataset tars of images out."""
