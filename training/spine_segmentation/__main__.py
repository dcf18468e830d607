from training.spine_segmentation.recipe import main

raise SystemExit(main())
