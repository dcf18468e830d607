"""Recipe of the expected Dice: how good a mask is, told from the network's own doubts."""
