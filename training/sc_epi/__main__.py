from training.sc_epi.recipe import main

raise SystemExit(main())
