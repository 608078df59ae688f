"""What every engine does with Deliveries, holds and Outcomes, however it runs the pipeline between them."""
