from training.totalspineseg.recipe import main

raise SystemExit(main())
