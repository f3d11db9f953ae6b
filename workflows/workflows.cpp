namespace eddyline {}
