"""What a run of one kind of stimulation is: its options, its result, and how its field is made and measured."""
