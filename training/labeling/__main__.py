from training.labeling.recipe import main

raise SystemExit(main())
