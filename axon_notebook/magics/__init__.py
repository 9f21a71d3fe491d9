"""The language of cells: ``%axon``, ``%%axonsql``, ``%%axon_publish``."""
