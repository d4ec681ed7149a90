"""Random numbers: streams of normals, the noise of a batch of images, Brownian trees."""
