"""A page to look at a pair: one HTML file that needs no network, opened from disk."""

from stereo.formats.viewer.page import viewer_page
from stereo.formats.viewer.reading import read_page, read_page_settings

__all__ = ["read_page", "read_page_settings", "viewer_page"]
