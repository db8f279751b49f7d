"""Many images: find them, analyse each, publish its result, summarise, verify."""
