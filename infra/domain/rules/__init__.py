"""The rules of Azure and of this product, one file a subject; every rule has an id, a source and a consequence."""
