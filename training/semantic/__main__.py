from training.semantic.recipe import main

raise SystemExit(main())
