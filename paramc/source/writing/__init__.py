"""Text to bytes: settings put into an image, or taken out, without touching pixels and foreign metadata."""
