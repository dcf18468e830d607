from training.instance.recipe import main

raise SystemExit(main())
